"""A package, so that its nodes end with it, and not with the whole run."""
