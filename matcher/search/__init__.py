"""Search by appearance: where and when was a vehicle like this one seen.

`history` keeps how vehicles looked, `index` and its two implementations find the most alike, `service` feeds the history from
Kafka, and `server` answers over HTTP.
"""
