"""Coverage -> text, one format a module. Reports see only the model."""
