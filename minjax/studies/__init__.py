"""What a study trains, and in which order: the grid of paper 2 (Zheng et al., arXiv 2601.17987) and any other.

Planning only: points, their order, the groups that share a program, and the time it all takes.
"""
