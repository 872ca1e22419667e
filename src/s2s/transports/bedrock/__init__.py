"""Whole messages over Amazon Bedrock: event streams, signed, in one stream of HTTP/2."""
