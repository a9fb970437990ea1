"""Several processes of one run: how they find one another, agree, and end together."""
