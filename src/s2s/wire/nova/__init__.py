"""How Amazon Nova Sonic spells a conversation."""
