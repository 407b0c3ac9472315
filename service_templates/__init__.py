"""Templates of service definitions, as package data: `cueworker.service` for systemd."""
