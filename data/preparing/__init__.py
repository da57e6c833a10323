"""What the preparation of every data set shares: folders, Parquet files, splits and the answer of a command."""
