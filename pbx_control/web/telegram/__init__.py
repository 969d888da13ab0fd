"""The bot: what people write in Telegram chats, and what is answered there."""
