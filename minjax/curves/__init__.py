"""Curves: accuracy over amounts and bits, many compressed versions of trained networks in one compiled program."""
