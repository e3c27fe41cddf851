-- In whose place a refresh token came. An answer that was lost leaves its token unused: the one before it may then be
-- brought again for a moment, and gets another one beside it. Of those that came in one place one may ever be used.
alter table refresh_tokens add column parent bytea;
create index refresh_tokens_parent on refresh_tokens (tenant_id, parent) where parent is not null;
