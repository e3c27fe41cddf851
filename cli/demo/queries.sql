-- kpi_rows: published key figures, for the summary
select count(*) from kpi.kpi_daily

-- vectors: remembered incidents and the length of their vectors
select count(*) as rows, coalesce(max(vector_dims(embedding)), 0) as dimensions from memory.fault_memory

-- drafts: training pairs that wait for review
select count(*) from training.candidates where status = 'draft'

-- is_there: whether a table exists yet
select to_regclass($1) is not null
