"""What several tests use: tiny and stored studies, disturbed searches, damaged files."""
