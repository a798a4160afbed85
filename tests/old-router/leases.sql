-- MySQL dump 10.13  Distrib 5.7.20, for Linux (x86_64)
/*!40103 SET TIME_ZONE='+00:00' */;
DROP TABLE IF EXISTS `lease4`;
CREATE TABLE `lease4` (
  `address` int(10) unsigned NOT NULL,
  `hwaddr` varbinary(20) DEFAULT NULL,
  `client_id` varbinary(128) DEFAULT NULL,
  `valid_lifetime` int(10) unsigned DEFAULT NULL,
  `expire` timestamp NULL DEFAULT NULL,
  `subnet_id` int(10) unsigned DEFAULT NULL,
  `fqdn_fwd` tinyint(1) DEFAULT NULL,
  `fqdn_rev` tinyint(1) DEFAULT NULL,
  `hostname` varchar(255) DEFAULT NULL,
  `state` int(10) unsigned DEFAULT '0',
  PRIMARY KEY (`address`),
  KEY `lease4_by_hwaddr_subnet_id` (`hwaddr`,`subnet_id`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
LOCK TABLES `lease4` WRITE;
INSERT INTO `lease4` VALUES (167772304,0x02005E300001,0x0102005E300001,4000,'2037-01-08 04:00:00',1,0,0,'laptop',0),(167772305,_binary '\0^0\0\'',NULL,4000,'2018-01-08 04:00:00',1,0,0,'tv, \'living room\'',0),(167772161,0x02005E300009,NULL,4000,'2037-01-08 04:00:00',1,0,0,'',0);
UNLOCK TABLES;
