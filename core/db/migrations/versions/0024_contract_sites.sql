-- The site as it was described while a contract was last in force: in which units its readings were taken. Null for
-- contracts that were superseded before this was kept.
alter table contracts add column definition jsonb;
-- The owner migrates all tenants at once.
alter table contracts no force row level security;
alter table sites no force row level security;
update contracts c set definition = s.definition from sites s where s.id = c.site_id and c.active;
alter table contracts force row level security;
alter table sites force row level security;
