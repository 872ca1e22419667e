"""Amazon Nova Sonic, over Amazon Bedrock."""
