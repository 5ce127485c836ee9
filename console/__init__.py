"""What people and machines touch: settings, pages, JSON API, websocket, commands."""
