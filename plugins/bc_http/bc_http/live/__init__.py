"""Live push: new rows of a view to whoever follows it, as they are stored.

```
Watch    looks at a series' stamp every few milliseconds; one for each series and worker
Channel  one view with its parameters: asks its Feed what is new, and makes messages of it, once for all clients
Feed     knows how rows of a dataset or bars of a view follow each other, and names a place among them: the cursor
Client   follows a channel from a cursor on: first what it has not seen, page by page, then every message
```
Whoever writes the archive is another process as a rule; only what is stored is ever sent.
"""
