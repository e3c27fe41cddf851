-- add_domain: a domain leads to one tenant, the key sees to that
insert into tenant_domains (domain, tenant_id) values ($1, $2)

-- remove_domain: of this tenant only
delete from tenant_domains where domain = $1 and tenant_id = $2 returning domain

-- domains: of the transaction's tenant
select domain from tenant_domains order by domain

-- tenant_of_domain: before anybody is signed in
select tenant_of_domain($1)
