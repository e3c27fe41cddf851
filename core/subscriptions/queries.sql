-- registered: the catalogue as it was written last
select module_code, version, manifest, active from module_registry order by module_code

-- register: the manifest is the single source of truth
insert into module_registry (module_code, version, manifest) values ($1, $2, $3)
on conflict (module_code) do update
set version = excluded.version, manifest = excluded.manifest, active = true, changed_at = now()

-- withdraw: a module that is no longer there; who has it keeps its tables
update module_registry set active = false, changed_at = now() where module_code = $1

-- to_catch_up: operations that were cut off and modules in use, whose versions may be old; and modules whose
-- permissions the tenant got before subscriptions were
select module_code, state, provisioned_version as version from tenant_module_subscriptions
where tenant_id = $1 and state <> 'archived'
union
select p.module_code, null, null from module_permissions p
where p.tenant_id = $1 and not exists (
    select from tenant_module_subscriptions s where s.tenant_id = $1 and s.module_code = p.module_code)

-- lock: one operation on one tenant's module at a time, over all processes
select pg_advisory_xact_lock(hashtextextended('subscription:' || $1::uuid::text || $2::text, 0))

-- state: where an operation begins or goes on
select state, provisioned_version from tenant_module_subscriptions where tenant_id = $1 and module_code = $2

-- begin: what was archived begins anew, what was cut off goes on
insert into tenant_module_subscriptions (tenant_id, module_code, state) values ($1, $2, 'subscribing')
on conflict (tenant_id, module_code) do update set state = 'subscribing', changed_at = now()

-- activate: last step of a subscription
update tenant_module_subscriptions
set state = 'active', provisioned_version = $3, subscribed_at = now(), changed_at = now()
where tenant_id = $1 and module_code = $2

-- arrived: the tables stand at the module's version of now
update tenant_module_subscriptions set provisioned_version = $3, changed_at = now()
where tenant_id = $1 and module_code = $2 and state = 'active' and provisioned_version <> $3
returning module_code

-- leave: from here on the module's tools and routes are gone
update tenant_module_subscriptions set state = 'unsubscribing', changed_at = now()
where tenant_id = $1 and module_code = $2

-- archived: last step of an unsubscription
update tenant_module_subscriptions set state = 'archived', changed_at = now() where tenant_id = $1 and module_code = $2

-- remember: the history a tenant's administrator looks at
insert into subscription_history (tenant_id, module_code, event, version, actor) values ($1, $2, $3, $4, $5)

-- tell_admins: in-app notice for everybody with the administrator's role
insert into notifications (tenant_id, role_id, subject, message)
select tenant_id, id, $3, $4 from roles where tenant_id = $1 and code = $2

-- active: what the tenant may use now
select module_code from tenant_module_subscriptions where tenant_id = $1 and state = 'active'

-- all: every module the tenant ever had
select module_code, state, provisioned_version as version, subscribed_at, changed_at
from tenant_module_subscriptions where tenant_id = $1 order by module_code

-- history: newest first
select at, module_code, event, version, actor from subscription_history
where tenant_id = $1 order by seq desc limit $2
