"""What the preparation of every data set shares: folders, Parquet files and frames in them."""
