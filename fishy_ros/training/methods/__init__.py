"""All methods in one table: what they are, what they need, what was published, what was measured here."""
