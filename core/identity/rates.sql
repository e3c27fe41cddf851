-- take: as many of the wanted requests as every bucket still has; none is taken if one is empty
select granted, wait_s, emptiest from take_requests($1, $2, $3)

-- give_back: what did not count after all
select return_requests($1, $2)

-- sweep: full buckets are not kept
select sweep_requests()
