"""The process that sends the prediction log on: to BigQuery, or as Parquet to a folder or a
bucket.
"""

import sys

COMMAND = (sys.executable, "-m", "app.records.shipper")

#: How long it goes on sending once it is told to end.
LAST_S = 8.0
