"""What records say: phases, regimes, minimal sizes, resilience, claims, certificates.

Pure functions from records to records, with NumPy and SciPy and without JAX. Each threshold and each sentence is stated
here once; the console and the pages print them.
"""
