"""Where data comes from: downloads, archives, files of arrays and videos."""
