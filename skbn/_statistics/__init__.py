"""Statistics of the columns of rows, and passes over rows."""
