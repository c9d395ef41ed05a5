"""The one object that holds coverage, and what it needs: scope, options, configuration, measuring."""
