"""The embedded AWS: moto's server and one small bridge for each gap that deploying and running our templates meets.

It runs as a process of its own (`python -m localcloud.server`), is driven through `localcloud.client.LocalCloud`, and
knows nothing of the product that it runs: it sees templates, archives, images and API calls, as AWS does.
"""
