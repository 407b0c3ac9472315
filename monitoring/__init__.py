"""A Grafana dashboard and Prometheus alert rules for a pool's metrics (docs/monitoring.md)."""
