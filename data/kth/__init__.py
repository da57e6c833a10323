"""KTH actions: videos of six actions by 25 persons, turned into Parquet clips."""
