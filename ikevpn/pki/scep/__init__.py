"""SCEP (RFC 8894), also as servers of before that RFC speak it: messages and the course of an enrolment. Pure."""
