"""Thin adapters: each fits the verifier's rewards to one framework, and none is imported by anything but its user."""
