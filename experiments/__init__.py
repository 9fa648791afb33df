"""Studies that are run from a clone and not installed: ablations, and the network designs of others."""
