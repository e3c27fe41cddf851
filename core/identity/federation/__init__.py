"""Sign-in through a tenant's own identity provider: OpenID Connect and SAML 2.0.

A provider speaks for its tenant alone. Whoever comes through it gets a session of the tenant that the provider is
configured in, whatever the address in the browser says.
"""
