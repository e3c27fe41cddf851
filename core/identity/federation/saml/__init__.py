"""SAML 2.0, web browser single sign-on: request by redirect, response by post; begun by us, never by the provider."""
