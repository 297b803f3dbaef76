-- settings: the code alone decides which time zones are valid

-- The server reads UTC+9 as nine hours west of Greenwich, and may know other names than the code.
alter table robeing.settings drop constraint timezone_is_unknown;
drop function robeing.is_timezone(text);
