"""Accuracy over amounts, bits and both: many compressed versions of one trained network in one compiled program."""
