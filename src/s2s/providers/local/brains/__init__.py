"""What fills the brain seat: rules, chat-completions endpoints, and any callable."""
