"""Studies: many networks over a grid of sizes, and what their records say (paper 2, Zheng et al., arXiv 2601.17987)."""
