-- What every source shares: chance, the calendar, countries and accounts.
-- Variables: seed, scale. Chance is a hash, so that the same seed gives the same bytes on any number of threads;
-- hashed twice, because a hash of several values alone keeps a trace of each.
create macro chance(topic, number) as
    hash(hash(getvariable('seed'), topic, number)) / 18446744073709551616.0;

create macro pick(choices, topic, number) as
    choices[1 + cast(floor(len(choices) * chance(topic, number)) as integer)];

create table trading_days as
with days as (
    select
        cast(day as date) as day,
        case dayofweek(day) when 0 then 0.7 when 5 then 0.9 else 1.1 end
        * case when month(day) = 11 then 1.8 when month(day) in (9, 10) then 1.3 when month(day) = 2 then 0.8 else 1 end
        as weight
    from generate_series(date '2010-12-01', date '2011-12-09', interval 1 day) as calendar(day)
    where
        dayofweek(day) <> 6
        and cast(day as date) not between date '2010-12-24' and date '2011-01-03'
        and cast(day as date) not between date '2011-04-22' and date '2011-04-25'
        and cast(day as date) not in (date '2011-04-29', date '2011-05-02', date '2011-05-30', date '2011-08-29')
)

select
    row_number() over (order by day) as day_no,
    day,
    coalesce(sum(weight) over (order by day rows between unbounded preceding and 1 preceding), 0)
    / sum(weight) over () as share_from,
    sum(weight) over (order by day) / sum(weight) over () as share_until
from days;

create table countries as
select
    country,
    currency,
    coalesce(sum(weight) over (order by place rows between unbounded preceding and 1 preceding), 0)
    / sum(weight) over () as share_from,
    sum(weight) over (order by place) / sum(weight) over () as share_until
from (
    values
    (1, 'United Kingdom', 'GBP', 900), (2, 'Germany', 'EUR', 22), (3, 'France', 'EUR', 20), (4, 'Spain', 'EUR', 7),
    (5, 'Belgium', 'EUR', 6), (6, 'Switzerland', 'CHF', 5), (7, 'Portugal', 'EUR', 5), (8, 'Italy', 'EUR', 4),
    (9, 'EIRE', 'EUR', 6), (10, 'Netherlands', 'EUR', 4), (11, 'Australia', 'AUD', 4), (12, 'Norway', 'GBP', 3),
    (13, 'Finland', 'EUR', 3), (14, 'Channel Islands', 'GBP', 3), (15, 'Sweden', 'SEK', 3), (16, 'USA', 'USD', 3),
    (17, 'Cyprus', 'EUR', 2), (18, 'Unspecified', 'GBP', 1)
) as shares(place, country, currency, weight);

-- place orders accounts by when they become customers; the multiplier spreads their numbers over the range.
create table accounts as
select
    places.place,
    cast(12346 + (places.place * 2741 + getvariable('seed')) % 5942 as integer) as account_id,
    countries.country,
    countries.currency
from range(5942) as places(place)
inner join countries
    on
        chance('country', places.place) >= countries.share_from
        and chance('country', places.place) < countries.share_until;
