"""What records say: regimes, minimal sizes, phases, resilience, claims. Pure functions; no model and no device."""
