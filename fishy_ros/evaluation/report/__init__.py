"""Reports of a result: JSON, HTML, pictures, tables and comparisons."""
