"""OpenID Connect Core 1.0, authorization code flow with PKCE: discovery, the way there and back, the ID token."""
