-- A notice about something that lasts names its cause: it stands once while it lasts, and is closed when it is over.
alter table notifications add column cause text, add column closed_at timestamptz;
create unique index notifications_standing on notifications (tenant_id, cause)
    where cause is not null and closed_at is null;
