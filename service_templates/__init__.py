"""Service definitions, as package data: two units for systemd, an agent for launchd, a file for logrotate."""
