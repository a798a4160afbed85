-- The archive of sekisho as tables of Amazon Athena (run one statement at a time); Trino reads the same catalogue.
-- Name the site in each query: SELECT count(*) FROM dns WHERE site = 'home' AND date = DATE '2026-11-23'
CREATE DATABASE IF NOT EXISTS `sekisho`;

-- A DNS transaction: a question and what was answered
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`dns` (
  `time` timestamp,
  `clientaddress` string,
  `clientport` int,
  `serveraddress` string,
  `localresolver` boolean,
  `transport` string,
  `messageid` int,
  `opcode` string,
  `queryname` string,
  `querytype` string,
  `queryclass` string,
  `flags` string,
  `responsecode` string,
  `status` string,
  `answers` array<struct<`name`:string,`type`:string,ttl:bigint,data:string>>,
  `ednsclientsubnet` string,
  `ednscookie` boolean,
  `querybytes` int,
  `responsebytes` int,
  `responsetimemicroseconds` bigint,
  `interface` string
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=dns/date=${date}'
);

-- A connection through or to the router, as connection tracking counted it
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`flows` (
  `time` timestamp,
  `flowstart` timestamp,
  `flowend` timestamp,
  `flowid` bigint,
  `ingressinterface` string,
  `egressinterface` string,
  `sourceaddress` string,
  `destinationaddress` string,
  `protocolidentifier` int,
  `sourcetransportport` int,
  `destinationtransportport` int,
  `icmptypecode` int,
  `octetdeltacount` bigint,
  `packetdeltacount` bigint,
  `reverseoctetdeltacount` bigint,
  `reversepacketdeltacount` bigint,
  `postnatsourceaddress` string,
  `postnaptsourcetransportport` int,
  `postnatdestinationaddress` string,
  `postnaptdestinationtransportport` int,
  `flowendreason` int,
  `tcpstate` string,
  `sourcezone` string,
  `destinationzone` string,
  `destinationname` string,
  `destinationnamestatus` string,
  `applicationname` string
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=flows/date=${date}'
);

-- A flow record that an exporter sent: NetFlow v5, v9 or IPFIX
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`netflow` (
  `time` timestamp,
  `flowstart` timestamp,
  `flowend` timestamp,
  `exporteraddress` string,
  `exportprotocolversion` int,
  `observationdomainid` bigint,
  `ingressinterface` string,
  `egressinterface` string,
  `sourceaddress` string,
  `destinationaddress` string,
  `protocolidentifier` int,
  `sourcetransportport` int,
  `destinationtransportport` int,
  `octetdeltacount` bigint,
  `packetdeltacount` bigint,
  `tcpcontrolbits` int,
  `ipclassofservice` int,
  `icmptypecode` int,
  `flowendreason` int,
  `samplinginterval` bigint,
  `elements` string
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=netflow/date=${date}'
);

-- A packet that the firewall dropped
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`drops` (
  `time` timestamp,
  `logprefix` string,
  `sourcemacaddress` string,
  `dot1qvlanid` int,
  `ipversion` int,
  `ingressinterface` string,
  `egressinterface` string,
  `sourceaddress` string,
  `destinationaddress` string,
  `protocolidentifier` int,
  `sourcetransportport` int,
  `destinationtransportport` int,
  `tcpcontrolbits` int,
  `icmptype` int,
  `icmpcode` int,
  `iptotallength` bigint,
  `ipttl` int,
  `fragmentoffset` int,
  `ethernettype` int
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=drops/date=${date}'
);

-- A syslog message (RFC 5424 or 3164)
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`syslog` (
  `time` timestamp,
  `receivedtime` timestamp,
  `facility` int,
  `severity` int,
  `hostname` string,
  `appname` string,
  `procid` string,
  `msgid` string,
  `structureddata` string,
  `msg` string,
  `format` string,
  `truncated` boolean
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=syslog/date=${date}'
);

-- A line that a container wrote
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`container` (
  `time` timestamp,
  `containername` string,
  `containerid` string,
  `project` string,
  `service` string,
  `module` string,
  `stream` string,
  `log` string,
  `partial` boolean,
  `attributes` string
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=container/date=${date}'
);

-- A DHCP lease that was given, renewed, released or ran out
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`dhcp` (
  `time` timestamp,
  `event` string,
  `network` string,
  `address` string,
  `macaddress` string,
  `hostname` string,
  `leaseseconds` bigint
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=dhcp/date=${date}'
);

-- An event from a program: its tag and whatever it says
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`events` (
  `time` timestamp,
  `tag` string,
  `senderaddress` string,
  `record` string
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=events/date=${date}'
);

-- An address that belonged to a device for a while
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`devices` (
  `time` timestamp,
  `until` timestamp,
  `lastseen` timestamp,
  `open` boolean,
  `address` string,
  `macaddress` string,
  `device` string,
  `network` string,
  `vendor` string,
  `randommac` boolean
)
PARTITIONED BY (`site` string, `date` date)
STORED AS PARQUET
LOCATION 's3://home-network/logs/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://home-network/logs/site=${site}/kind=devices/date=${date}'
);
