"""Measures the service and, in the same run, the limits of the machine it runs on."""
