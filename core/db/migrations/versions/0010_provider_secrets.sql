-- A public client has no secret, and one that should be there and is not is a fault to be told.
alter table identity_providers add column has_secret boolean not null default false;
