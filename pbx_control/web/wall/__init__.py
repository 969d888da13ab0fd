"""The wallboard: how the house stands now, the curves of its days, and the same figures for Prometheus."""
