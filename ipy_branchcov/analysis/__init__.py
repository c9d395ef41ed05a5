"""Source and code objects -> what each edge means. Static: nothing is run here."""
