"""Ocean currents: NetCDF to Arrow."""
