"""Behaviours of the product, mirrored by package, and flows, faults, browser and bench that cross packages."""
