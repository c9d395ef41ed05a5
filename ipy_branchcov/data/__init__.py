"""The JSON form of coverage, data files, baselines."""
