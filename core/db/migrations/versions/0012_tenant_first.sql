-- The tenant stands first in these keys: what a policy compares is then part of what the index is searched by, and a
-- member's permissions are read from the index alone, at no cost for the policy on each row.
alter table membership_roles
    drop constraint membership_roles_pkey, add primary key (tenant_id, membership_id, role_id);
alter table service_principal_roles
    drop constraint service_principal_roles_pkey, add primary key (tenant_id, principal_id, role_id);
alter table role_permissions
    drop constraint role_permissions_pkey, add primary key (tenant_id, role_id, permission);
