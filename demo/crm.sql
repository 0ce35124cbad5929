-- The CRM's accounts and opportunities, and the exchange rates of its currencies. Needs base.sql and erp.sql.
create table crm_accounts as
with first_orders as (
    select
        account_id,
        cast(min(invoiced_at) as date) as ordered_on
    from invoices
    group by account_id
)

select
    accounts.account_id,
    pick(
        [
            'Alder', 'Bramble', 'Copper', 'Dovecote', 'Ember', 'Fennel', 'Gable', 'Hazel', 'Inglenook', 'Juniper',
            'Kestrel', 'Larch', 'Millpond', 'Nettle', 'Orchard', 'Pepper', 'Quill', 'Rowan', 'Saddler', 'Thistle'
        ], 'name', accounts.account_id
    ) || ' ' || pick(
        [
            '& Daughters', '& Co', 'Gifts', 'Trading', 'House', 'Stores', 'Interiors', 'Emporium', 'Market', 'Tea Rooms',
            'Stationers', 'Garden Centre', 'Lifestyle', 'Boutique', 'Supplies'
        ], 'kind of shop', accounts.account_id
    ) || ' ' || cast(accounts.account_id as varchar) as name,
    pick(
        ['independent', 'independent', 'independent', 'online', 'online', 'chain', 'hospitality'],
        'segment', accounts.account_id
    ) as segment,
    accounts.country,
    accounts.currency,
    pick(
        [
            'Priya Shah', 'Tom Okafor', 'Elena Rossi', 'Marta Nowak', 'Owen Hughes', 'Grace Lin', 'Samir Haddad',
            'Ines Duarte'
        ], 'owner', accounts.account_id
    ) as owner,
    cast(
        coalesce(first_orders.ordered_on, date '2011-11-01')
        - cast(floor(1 + 400 * pow(chance('sign-up', accounts.account_id), 3)) as integer) as date
    ) as signed_up_on
from accounts
left join first_orders on accounts.account_id = first_orders.account_id
order by accounts.account_id;

create table crm_opportunities as
with deals as (
    select
        number + 1 as opportunity_id,
        -- Customers that order early negotiate most.
        cast(floor(5942 * pow(chance('deal with', number), 2.5)) as bigint) as place,
        date '2010-10-04' + cast(floor(425 * pow(chance('opened', number), 0.9)) as integer) as created_on,
        cast(floor(5 + 110 * pow(chance('duration', number), 1.5)) as integer) as duration,
        round(exp(6 + 3.6 * chance('amount', number)) * (0.6 + 0.8 * chance('haggling', number)), 2) as amount,
        chance('outcome', number) as outcome_chance
    from range(cast(round(1500 * getvariable('scale')) as bigint)) as numbers(number)
),

decided as (
    select
        *,
        created_on + duration <= date '2011-12-09' as is_closed
    from deals
)

select
    decided.opportunity_id,
    accounts.account_id,
    case
        when decided.is_closed and decided.outcome_chance < 0.42 then 'won'
        when decided.is_closed then 'lost'
        when decided.outcome_chance < 0.45 then 'qualification'
        when decided.outcome_chance < 0.8 then 'proposal'
        else 'negotiation'
    end as stage,
    decided.amount,
    accounts.currency,
    cast(decided.created_on as date) as created_on,
    case when decided.is_closed then cast(decided.created_on + decided.duration as date) end as closed_on,
    case
        when decided.is_closed then decided.created_on + decided.duration
        else least(decided.created_on + decided.duration // 3, date '2011-12-09')
    end + interval (cast(480 + floor(540 * chance('changed', decided.opportunity_id)) as integer)) minute as updated_at
from decided
inner join accounts on decided.place = accounts.place
order by decided.opportunity_id;

create table fx_rates as
with steps as (
    select
        cast(day as date) as rate_date,
        starts.currency,
        starts.start,
        (chance('rate ' || starts.currency, epoch_days) - 0.5) * 0.012 as step
    from generate_series(date '2010-10-01', date '2011-12-09', interval 1 day) as calendar(day)
    cross join (
        values ('EUR', 1.16), ('USD', 1.58), ('AUD', 1.57), ('CHF', 1.46), ('SEK', 10.6)
    ) as starts(currency, start)
    cross join lateral (select datediff('day', date '2010-01-01', day) as epoch_days) as numbered
    where dayofweek(day) between 1 and 5
)

select
    rate_date,
    currency,
    round(start * exp(sum(step) over (partition by currency order by rate_date)), 4) as rate
from steps
order by rate_date, currency;
